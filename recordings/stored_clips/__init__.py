"""What the hub keeps of finished clips, of recording tasks and of alerts: for how long, and who protected them."""
