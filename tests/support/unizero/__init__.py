"""The published UniZero (`lightzero==0.2.0`): run repeatably, and judged without any cache."""
