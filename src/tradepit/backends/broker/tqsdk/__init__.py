"""China's futures through the unmodified tqsdk package, which lives in a process of its own."""
