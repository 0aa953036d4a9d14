"""Phrases by which leads say what they want, by language: the data of ``text_intents``.

A phrase is folded: lower case, no accents, hyphens as spaces. ``word*`` stands for any ending,
``a/b`` for either word. Add a phrase where its intent and language stand; nothing else is needed.
"""

from collections.abc import Mapping

Phrases = Mapping[str, Mapping[str, tuple[str, ...]]]

ANY_LANGUAGE = "*"
NEGATION = "negation"
"""Words that undo an intent up to three words later in the same sentence."""
NO_NEGATION = "no_negation"
"""Phrases that hold such a word and undo nothing."""
AUTO_REPLY = "auto_reply"
PRICE, MEETING, INTEGRATION, SECURITY = "price", "meeting", "integration", "security"
COMPLAINT, CANCELLATION, UNSUBSCRIBE = "complaint", "cancellation", "unsubscribe"
COMPETITOR, URGENCY, REFUSAL = "competitor", "urgency", "refusal"

PHRASES: Phrases = {
    ANY_LANGUAGE: {
        PRICE: ("pricing",),
        MEETING: ("demo", "demos", "zoom/teams call", "live demo", "webex"),
        INTEGRATION: (
            "api", "apis", "webhook*", "zapier", "rest api", "salesforce", "hubspot", "sdk",
            "oauth",
        ),
        SECURITY: (
            "gdpr", "dsgvo", "rgpd", "soc 2", "soc2", "iso 27001", "iso27001", "sso", "saml",
            "hipaa", "pentest*", "penetration test*",
        ),
        UNSUBSCRIBE: ("unsubscribe", "opt out"),
        URGENCY: ("asap", "urgent"),
    },
    "en": {
        NEGATION: (
            "no", "not", "never", "without", "don't", "dont", "doesn't", "didn't", "isn't",
            "aren't", "wasn't", "won't", "wouldn't", "neither", "nor",
        ),
        NO_NEGATION: (
            "why don't we/you", "don't hesitate", "do not hesitate", "not only", "why not",
            "no problem", "if not", "whether or not", "no later than", "don't forget",
            "do not forget", "can't wait", "no one", "nobody",
        ),
        AUTO_REPLY: (
            "out of office", "out of the office", "automatic reply", "auto reply", "autoreply",
            "automated reply/response/message", "on annual/parental/maternity/sick leave",
            "limited access to email/mail/e mail/my", "i am/i'm on vacation/holiday",
            "will be away until", "do not reply to this", "i am currently away",
            "will respond when i return", "no longer with the company",
        ),
        PRICE: (
            "price*", "quote", "a quotation", "how much", "cost", "costs", "discount*",
            "what do/would you charge", "fee/fees", "licence/license fee/cost/costs", "rate card",
            "per user/seat", "budgetary/formal offer",
        ),
        MEETING: (
            "call me", "call us", "call back", "callback", "give me/us a call/ring", "ring me",
            "phone me", "speak with/to someone/sales/you", "talk to someone/sales/you",
            "talk with someone/sales/you", "schedule/book/arrange/set a/up call/meeting/a",
            "schedule/book/arrange time", "a quick/short call/chat/meeting", "jump/hop on a call",
            "walk me/us through", "see it in action", "show me/us", "meet with you", "a meeting",
        ),
        INTEGRATION: (
            "integrat*", "connect/connects with/to", "work/works/compatible with our/your/my",
            "sync/syncs with", "import/export our/data/from", "connector*", "plug in", "plugin*",
        ),
        SECURITY: (
            "security", "data protection/privacy/residency", "encrypt*", "compliance",
            "where is/are the/our data", "data processing agreement", "dpa", "single sign on",
            "penetration testing", "certified",
        ),
        COMPLAINT: (
            "complain*", "unacceptable", "disappoint*", "terrible", "awful", "horrible", "useless",
            "not/doesn't/didn't/isn't working", "doesn't/didn't/not work", "fed up", "frustrat*",
            "worst", "unhappy", "dissatisf*", "waste of", "refund", "still no", "rip off",
            "ridiculous", "broken", "keeps crashing/failing", "stopped working", "annoy*",
        ),
        CANCELLATION: (
            "cancel", "cancelling", "canceling", "cancellation", "terminate", "termination",
            "close/delete my/our account", "end our/my contract/subscription", "want out of",
            "will/won't/not renew", "not renewing", "stop our/my subscription",
        ),
        UNSUBSCRIBE: (
            "remove me/us", "take me/us off", "stop emailing/mailing/sending/contacting",
            "no more/further emails/mails", "stop sending/these", "don't/not contact/email me",
            "do not send me", "off your list/lists",
        ),
        COMPETITOR: (
            "compared to/with", "alternative/alternatives to", "switch/switching/migrate from",
            "migrating/moving/coming from", "other vendors/providers/tools", "your competitor*",
            "another vendor/provider", "better than",
        ),
        URGENCY: (
            "urgently", "as soon as possible", "immediately", "right away", "right now",
            "by/before today/tomorrow/tonight", "by end/close of", "deadline", "emergency",
            "critical", "at once", "time sensitive", "still today", "today please",
            "need/call/answer/reply today", "need/call/answer/send it/this/me/us today",
        ),
        REFUSAL: (
            "not/isn't interested", "no interest", "no thanks", "no thank you", "not a fit",
            "no need", "don't need", "not for us/me", "we will/we'll pass", "no budget",
        ),
    },
    "de": {
        NEGATION: ("nicht", "kein", "keine", "keinen", "keiner", "keinem", "nie", "ohne", "weder"),
        NO_NEGATION: (
            "nicht nur", "zogern sie nicht", "warum nicht", "kein problem", "falls nicht",
            "wenn nicht", "nicht vergessen", "nicht zogern",
        ),
        AUTO_REPLY: (
            "nicht im/in buro/haus", "nicht im hause", "bin abwesend", "abwesenheitsnotiz",
            "automatische antwort", "abwesenheit", "im urlaub", "in elternzeit",
            "auto* antwort", "ausser haus", "wieder im buro", "bis zum * nicht",
        ),
        PRICE: (
            "preis*", "was kostet", "wie viel kostet", "wieviel", "kosten", "angebot",
            "kostenvoranschlag", "rabatt*", "gebuhr*", "lizenzkosten", "listenpreis*", "wie teuer",
        ),
        MEETING: (
            "ruckruf", "rufen sie mich/uns", "ruf mich", "ruckmeldung per telefon", "anrufen",
            "zuruckrufen", "telefonat", "telefonieren", "termin", "terminvorschlag*",
            "besprechung", "vorfuhr*", "gesprach", "beratungsgesprach", "produktvorstellung",
        ),
        INTEGRATION: (
            "schnittstelle*", "integrier*", "integration*", "anbind*", "anbinden", "kompatibel",
            "importieren", "exportieren", "verbinden mit", "konnektor*", "datenimport",
        ),
        SECURITY: (
            "datenschutz*", "sicherheit*", "it sicherheit", "verschlussel*",
            "auftragsverarbeitung*", "zertifizier*", "wo liegen/werden die daten",
            "serverstandort", "av vertrag",
        ),
        COMPLAINT: (
            "beschwer*", "enttausch*", "unzufrieden*", "unverschamt*", "furchtbar*", "schrecklich*",
            "katastroph*", "funktioniert nicht", "geht nicht", "funktioniert immer noch nicht",
            "reklam*", "verarger*", "mangelhaft*", "frechheit", "inakzeptabel", "ruckerstattung",
            "immer noch keine/nicht", "kaputt", "nervt", "zumutung",
        ),
        CANCELLATION: (
            "kundig*", "gekundigt", "stornier*", "vertrag beenden/auflosen", "konto loschen",
            "abo beenden", "nicht verlangern", "vertragsende",
        ),
        UNSUBSCRIBE: (
            "abmelden", "abbestell*", "austragen", "keine mails/emails/e mails/newsletter/werbung",
            "keine weiteren mails/emails/e", "aus dem verteiler", "newsletter abbestellen",
        ),
        COMPETITOR: (
            "im vergleich zu/mit", "verglichen mit", "alternative zu", "wechsel* von",
            "wettbewerb*", "mitbewerb*", "konkurrenz*", "anderer/anderen anbieter*",
            "andere anbieter",
        ),
        URGENCY: (
            "dringend*", "eilig", "eilt", "sofort*", "umgehend*", "so schnell wie moglich",
            "schnellstmoglich*", "baldmoglichst", "unverzuglich", "notfall", "heute noch",
            "bis heute/morgen", "noch heute", "frist",
        ),
        REFUSAL: (
            "kein interesse", "nicht interessiert", "nein danke", "kein bedarf", "keinen bedarf",
            "kein budget", "brauchen wir/ich nicht", "passt nicht",
        ),
    },
    "fr": {
        NEGATION: ("pas", "aucun", "aucune", "sans", "jamais", "ni", "plus de"),
        NO_NEGATION: (
            "n'hesitez pas", "pourquoi pas", "pas seulement", "pas de probleme", "sans probleme",
            "n'oubliez pas", "ne pas hesiter",
        ),
        AUTO_REPLY: (
            "absent du bureau", "absente du bureau", "reponse automatique", "message automatique",
            "actuellement absent/absente", "en conge*", "suis absent/absente", "de retour le",
            "en vacances",
        ),
        PRICE: (
            "prix", "tarif*", "devis", "combien", "cout", "couts", "remise*", "cout de la licence",
        ),
        MEETING: (
            "rappele*", "rappeler", "appelez moi", "me/nous rappeler/appeler", "rendez vous", "rdv",
            "demonstration*", "un appel", "par telephone", "reunion", "echanger avec",
            "parler a/avec",
        ),
        INTEGRATION: (
            "integr*", "compatible avec", "connecter a/avec", "connecteur*", "importer", "exporter",
            "interfac*", "synchronis*",
        ),
        SECURITY: (
            "securit*", "protection des donnees", "chiffrement", "conformite", "hebergement",
            "donnees personnelles", "certification*", "certifi*",
        ),
        COMPLAINT: (
            "plainte", "reclamation*", "decu", "decue", "decus", "inacceptable", "insatisfait*",
            "mecontent*", "ne fonctionne pas/plus", "ne marche pas/plus", "catastroph*", "honteux",
            "scandaleux", "nul", "remboursement", "toujours pas", "en panne", "horrible",
        ),
        CANCELLATION: (
            "resilier", "resiliation", "annuler", "annulation", "mettre fin", "fermer mon/notre",
            "supprimer mon/notre compte", "ne pas renouveler", "ne renouvel* pas",
        ),
        UNSUBSCRIBE: (
            "desabonn*", "desinscri*", "me desinscrire", "ne plus recevoir", "retirez moi",
            "plus de mails/courriels/e/emails", "de votre liste", "cessez de",
        ),
        COMPETITOR: (
            "par rapport a", "compare a", "alternative a", "concurren*",
            "autre/autres fournisseur*", "autre/autres prestataire*", "passer de",
            "migrer de/depuis",
        ),
        URGENCY: (
            "urgence", "urgemment", "urgente", "des que possible", "au plus vite", "rapidement",
            "immediatement", "au plus tot", "tout de suite", "aujourd'hui", "sans delai",
            "sans tarder",
        ),
        REFUSAL: (
            "pas interesse*", "non merci", "pas besoin", "aucun interet", "pas de budget",
            "aucun besoin",
        ),
    },
    "es": {
        NEGATION: ("no", "ni", "sin", "nunca", "ningun", "ninguna", "tampoco"),
        NO_NEGATION: (
            "no dude", "no duden", "por que no", "no solo", "no hay problema", "sin problema",
            "no olvide", "sin falta",
        ),
        AUTO_REPLY: (
            "fuera de la/mi oficina", "respuesta automatica", "mensaje automatico",
            "de vacaciones", "estare ausente", "estoy ausente", "fuera de oficina",
        ),
        PRICE: (
            "precio*", "cuanto cuesta*", "cuanto vale", "cotizacion", "presupuesto", "tarifa*",
            "coste", "costes", "costo", "costos", "descuento*",
        ),
        MEETING: (
            "llamame", "llameme", "llamenme", "llamenos", "llamarme", "llamada", "me llame*",
            "me puede/pueden llamar", "reunion", "una cita", "agendar", "demostracion",
            "por telefono", "hablar con",
        ),
        INTEGRATION: (
            "integra*", "conectar con/a", "compatible con", "conector*", "importar", "exportar",
            "sincroniz*",
        ),
        SECURITY: (
            "seguridad", "proteccion de datos", "cifrado", "cumplimiento", "privacidad",
            "certificacion*", "certificad*",
        ),
        COMPLAINT: (
            "queja*", "reclamacion*", "reclamo", "decepcion*", "inaceptable", "insatisfech*",
            "descontent*", "no funciona*", "pesimo", "pesima", "horrible", "terrible", "verguenza",
            "reembolso", "sigue sin", "molesto", "molesta", "harto", "harta", "enfadad*",
        ),
        CANCELLATION: (
            "cancelar", "cancelacion", "cancelen", "cancele", "dar/darme de baja mi/nuestra/el",
            "rescindir", "cerrar mi/nuestra cuenta", "anular", "no renovar*", "eliminar mi cuenta",
        ),
        UNSUBSCRIBE: (
            "darme de baja", "denme de baja", "deme de baja", "desuscrib*", "no recibir mas",
            "no quiero recibir", "dejen de enviar*", "no me envien", "cancelar la suscripcion",
        ),
        COMPETITOR: (
            "comparado con", "en comparacion con", "alternativa a", "competencia", "competidor*",
            "otro/otros proveedor*", "cambiar de proveedor", "migrar desde",
        ),
        URGENCY: (
            "urgente*", "urgencia", "lo antes posible", "cuanto antes", "inmediat*", "ahora mismo",
            "de inmediato", "hoy mismo", "emergencia", "ya mismo",
        ),
        REFUSAL: (
            "no me/nos interesa", "no gracias", "no estoy/estamos interesad*", "sin interes",
            "no necesito/necesitamos",
        ),
    },
}  # fmt: skip
