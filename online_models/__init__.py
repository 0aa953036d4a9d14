"""River-style online models and the maths around them: numbers and text in, numbers out."""
