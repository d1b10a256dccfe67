"""Commands of design: design, report, study, demo; what they print."""
