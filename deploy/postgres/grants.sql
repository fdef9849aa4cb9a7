-- What vigil_server and vigil_scaler may do with Vigil's tables. After each vigil store migrate, as vigil_owner:
--   psql --username=vigil_owner --dbname=vigil --file=deploy/postgres/grants.sql
-- To do it again changes nothing. vigil store check, as vigil_server, tells what is lacking.
\set ON_ERROR_STOP on
BEGIN;
GRANT SELECT ON vigil_schema TO vigil_server;
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs, callbacks, alerts, lines, servers, files, made TO vigil_server;
-- Written once, and removed with their jobs.
GRANT SELECT, INSERT, DELETE ON payloads, results, keys, file_uses, file_parts TO vigil_server;
GRANT SELECT, INSERT, UPDATE ON remarks, usage, copies TO vigil_server;
GRANT SELECT, UPDATE ON lanes TO vigil_server;
-- The partitions of inputs, results and videos are the owner's, and are made and dropped by these alone.
GRANT EXECUTE ON FUNCTION vigil_make_hour, vigil_drop_hour, vigil_make_files, vigil_drop_files TO vigil_server;
-- These run with the rights of who calls them.
GRANT EXECUTE ON FUNCTION vigil_submit_1, vigil_claim_1, vigil_end_1 TO vigil_server;
-- How the database fares, with the owner's rights.
GRANT EXECUTE ON FUNCTION vigil_standbys, vigil_pressure TO vigil_server;
GRANT SELECT ON vigil_backlog TO vigil_server, vigil_scaler;
COMMIT;
