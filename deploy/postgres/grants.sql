-- What vigil_server and vigil_scaler may do with Vigil's tables. After each vigil store migrate, as vigil_owner:
--   psql --username=vigil_owner --dbname=vigil --file=deploy/postgres/grants.sql
-- To do it again changes nothing. vigil store check, as vigil_server, tells what is lacking.
\set ON_ERROR_STOP on
BEGIN;
GRANT SELECT ON vigil_schema TO vigil_server;
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs, callbacks, alerts, lines, servers TO vigil_server;
-- Written once, and removed with their jobs.
GRANT SELECT, INSERT, DELETE ON payloads, results, keys TO vigil_server;
GRANT SELECT, INSERT, UPDATE ON remarks, usage, copies TO vigil_server;
GRANT SELECT, UPDATE ON lanes TO vigil_server;
-- The partitions of inputs and results are the owner's, and are made and dropped by these alone.
GRANT EXECUTE ON FUNCTION vigil_make_hour, vigil_drop_hour TO vigil_server;
-- How the database fares, with the owner's rights.
GRANT EXECUTE ON FUNCTION vigil_standbys, vigil_pressure TO vigil_server;
GRANT SELECT ON vigil_backlog TO vigil_server, vigil_scaler;
COMMIT;
