"""One estimate: why, how sure, who is alike, and whether the scans are unlike the training scans."""
