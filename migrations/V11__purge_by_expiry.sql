-- What the purge looks for. Without these it reads whole tables, of which hardly a row has expired.
create index refresh_tokens_by_expiry on refresh_tokens (expires_at);
create index sessions_by_end on sessions ((least(ended_at, expires_at)));
create index login_guesses_by_expiry on login_guesses (expires_at);
