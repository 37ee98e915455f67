"""int8 and float16: calibration, quantisation, and what they change."""
