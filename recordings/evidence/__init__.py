"""Pictures that belong to alerts: kept on the box, delivered, chained, verified, and removed when their time is over."""
