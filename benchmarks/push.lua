-- wrk's request: the contract's example, with the key from the environment.
wrk.method = "POST"
wrk.headers["Host"] = "127.0.0.1"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-API-Key"] = os.getenv("API_KEY")
wrk.headers["X-Forwarded-For"] = "203.0.113.0"
wrk.body = os.getenv("BODY")
