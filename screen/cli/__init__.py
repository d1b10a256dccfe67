"""Commands of screening: screen, evaluate, next, status, models, doctor; what they print."""
