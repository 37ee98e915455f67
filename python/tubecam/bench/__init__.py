"""`tubecam bench`: how long predictions and explanations take, on this machine, beside the peers.

statistics  percentiles, spread, bootstrap        timing      interleaved runs
subject     the model: bundle, torch module       graph       plain graph, multiply–adds
floor       what the machine could do             engine_mode rows of engines and peers
stream_mode rows of a GStreamer pipeline          peers       one file each
row, agreement   a line of the report; how far maps lie apart
document    JSON and provenance                   report/, regression   for people
"""
