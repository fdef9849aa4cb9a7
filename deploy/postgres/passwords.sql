-- The passwords of the roles of roles.sql, out of the environment: psql --file=deploy/postgres/passwords.sql
\set ON_ERROR_STOP on
\getenv owner VIGIL_OWNER_PASSWORD
\getenv server VIGIL_SERVER_PASSWORD
\getenv scaler VIGIL_SCALER_PASSWORD
SET log_statement = 'none';
ALTER ROLE vigil_owner PASSWORD :'owner';
ALTER ROLE vigil_server PASSWORD :'server';
\if :{?scaler}
ALTER ROLE vigil_scaler PASSWORD :'scaler';
\endif
