"""One run of any command: steps, state, refused rows and its record."""
