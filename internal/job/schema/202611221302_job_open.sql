-- What is open, in its order: operators look at it page by page.
CREATE INDEX job_effect_alive ON job_effect (id) WHERE ended_at = 0;
