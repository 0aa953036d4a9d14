from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.lead import sealing
from stream.lead.sealing import MAX_PUBLIC_KEY_BYTES, Contents, Sealer, SealError

SEALER = Sealer(b"a secret of the house")
HERE = "page-views/0/17"
LETTER = Contents.of(b"key", b'{"url": "/"}', "url = '/': no")


@given(st.none() | st.binary(), st.binary(), st.text(st.characters(codec="utf-8")))
def test_what_was_sealed_opens_as_it_was_and_repeats_to_the_bit(key, value, detail):
    contents = Contents.of(key, value, detail)
    sealed = SEALER.seal(contents, HERE)
    assert SEALER.open(sealed, HERE) == contents == Contents(key, value, len(value), detail)
    assert Sealer(b"a secret of the house").seal(contents, HERE) == sealed


def test_a_letter_that_was_changed_is_refused():
    sealed = b64decode(SEALER.seal(LETTER, HERE))
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(SealError, match=HERE):
            SEALER.open(b64encode(bytes(changed)).decode(), HERE)


@pytest.mark.parametrize("sealed", ["", "no base64!", "e30=", "AAAAAAAAAAAAAAAAAAAAAA=="])
def test_what_is_no_seal_is_refused(sealed):
    with pytest.raises(SealError):
        SEALER.open(sealed, HERE)


def test_a_letter_opens_at_its_own_place_only():
    with pytest.raises(SealError):
        SEALER.open(SEALER.seal(LETTER, HERE), "page-views/0/18")


def test_another_key_is_told_which_settings_to_look_at():
    with pytest.raises(SealError, match=r"LEADSTREAM_DEAD_LETTER_KEY.*DEAD_LETTER_OLD_KEYS"):
        Sealer(b"another secret").open(SEALER.seal(LETTER, HERE), HERE)


def test_a_former_key_opens_what_it_sealed_and_seals_no_more():
    rotated = Sealer(b"a new secret", [b"older still", b"a secret of the house"])
    assert rotated.open(SEALER.seal(LETTER, HERE), HERE) == LETTER
    with pytest.raises(SealError):
        SEALER.open(rotated.seal(LETTER, HERE), HERE)


def test_what_does_not_fit_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr(sealing, "MAX_SEALED_BYTES", 10)
    cut = Contents.of(b"key", b"0123456789", "")
    assert cut == Contents(b"key", b"0123456", 10, "", is_whole=False)
    assert Contents.of(b"key", b"0123456", "").is_whole
    assert not Contents.of(b"a key too long", b"", "").is_whole


def test_email_addresses_in_keys_are_hidden_and_other_keys_stay():
    for key in (b"lead-1", b"\xff\x00@", "Größe".encode(), b"a@b"):
        assert SEALER.public_key(key) == key
    assert SEALER.public_key(None) == b""
    hidden = SEALER.public_key(b'{"email": "jane@example.com"}')
    assert b"jane" not in hidden
    assert hidden == SEALER.public_key(b'{"email": "JANE@example.com"}')
    assert hidden != Sealer(b"another secret").public_key(b'{"email": "jane@example.com"}')
    broken = SEALER.public_key(b"\xff\xfejane@example.com")
    assert b"jane" not in broken
    assert len(SEALER.public_key(b"x" * 5_000)) == MAX_PUBLIC_KEY_BYTES
