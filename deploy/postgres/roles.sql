-- The roles of Vigil's database, which they have for themselves. Once, by whoever may make roles and databases:
--   psql --file=deploy/postgres/roles.sql
-- Then they get passwords (passwords.sql, or \password vigil_server), vigil store migrate makes the tables as vigil_owner, and
-- grants.sql gives the others what they need of them.
\set ON_ERROR_STOP on

-- Owns the tables and makes them: vigil store migrate. No server has its password. Two functions of the schema tell servers, with
-- its rights, how old the oldest transaction is and whether a standby is in sync, which only members of pg_read_all_stats see.
CREATE ROLE vigil_owner LOGIN INHERIT CONNECTION LIMIT 5 IN ROLE pg_read_all_stats;
-- Serves: reads and writes rows, and makes no tables but by two functions of the schema.
CREATE ROLE vigil_server LOGIN NOINHERIT;
-- Sees how much there is to do: KEDA's scaler, and nothing else.
CREATE ROLE vigil_scaler LOGIN NOINHERIT CONNECTION LIMIT 5;

CREATE DATABASE vigil OWNER vigil_owner TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
REVOKE ALL ON DATABASE vigil FROM PUBLIC;
GRANT CONNECT ON DATABASE vigil TO vigil_server, vigil_scaler;

-- What is left open or waits for a lock holds up others: a statement of a server that is well takes a fraction of this.
ALTER ROLE vigil_server SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE vigil_server SET lock_timeout = '10s';
ALTER ROLE vigil_scaler SET statement_timeout = '5s';
ALTER ROLE vigil_scaler SET default_transaction_read_only = on;

\connect vigil
-- Nobody else makes or sees anything here; before PostgreSQL 15 everybody might.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO vigil_owner;
GRANT USAGE ON SCHEMA public TO vigil_server, vigil_scaler;
