-- The network view, generation 1. Every row can be rebuilt from the topics.
--
-- No name is qualified: the text is run with the schema to fill as search path, by the migration for the live view and by
-- `rebuild` for the fresh copy beside it. Functions have bodies bound when they are made, so a renamed schema keeps working.
-- A statement ends with a semicolon before an empty line.
--
-- What queries filter on is generated from the state, so that a column can never say something else than the state.

CREATE TABLE history (
    kind text NOT NULL,
    id uuid NOT NULL,
    epoch integer NOT NULL,
    version integer NOT NULL,
    type text NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    digest text NOT NULL,
    state json NOT NULL, -- json, not jsonb: it keeps the bytes, so the digest can be checked here for ever
    company_id uuid GENERATED ALWAYS AS (CASE kind WHEN 'company' THEN id ELSE (state ->> 'company_id')::uuid END) STORED,
    merged_into uuid GENERATED ALWAYS AS ((state ->> 'merged_into')::uuid) STORED,
    PRIMARY KEY (kind, id, epoch, version)
);

CREATE INDEX history_of_company ON history (company_id, kind) WHERE company_id IS NOT NULL;

CREATE INDEX history_of_merge ON history (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE hubs (
    id uuid PRIMARY KEY,
    epoch integer NOT NULL,
    version integer NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    position bigint NOT NULL,
    state jsonb NOT NULL,
    slug text NOT NULL GENERATED ALWAYS AS (state ->> 'slug') STORED,
    kind text NOT NULL GENERATED ALWAYS AS (state ->> 'kind') STORED
);

CREATE INDEX hubs_by_slug ON hubs (slug);

CREATE TABLE fieldlabs (
    id uuid PRIMARY KEY,
    epoch integer NOT NULL,
    version integer NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    position bigint NOT NULL,
    state jsonb NOT NULL,
    slug text NOT NULL GENERATED ALWAYS AS (state ->> 'slug') STORED,
    name text NOT NULL GENERATED ALWAYS AS (state ->> 'name') STORED,
    kind text NOT NULL GENERATED ALWAYS AS (state ->> 'kind') STORED,
    hub text NOT NULL GENERATED ALWAYS AS (state ->> 'hub') STORED,
    province text GENERATED ALWAYS AS (state ->> 'province') STORED,
    status text NOT NULL GENERATED ALWAYS AS (state ->> 'status') STORED,
    recognition text NOT NULL GENERATED ALWAYS AS (state -> 'recognition' ->> 'status') STORED,
    published boolean NOT NULL GENERATED ALWAYS AS ((state ->> 'published')::boolean) STORED,
    themes jsonb GENERATED ALWAYS AS (state -> 'themes') STORED
);

CREATE INDEX fieldlabs_by_slug ON fieldlabs (slug);

CREATE INDEX fieldlabs_by_name ON fieldlabs (name, id);

CREATE TABLE companies (
    id uuid PRIMARY KEY,
    epoch integer NOT NULL,
    version integer NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    position bigint NOT NULL,
    state jsonb NOT NULL,
    status text NOT NULL GENERATED ALWAYS AS (state ->> 'status') STORED,
    home_hub text NOT NULL GENERATED ALWAYS AS (state ->> 'home_hub') STORED,
    hubs jsonb GENERATED ALWAYS AS (jsonb_path_query_array(state, '$.establishments[*].hub')) STORED,
    size_class text NOT NULL GENERATED ALWAYS AS (state ->> 'size_class') STORED,
    province text GENERATED ALWAYS AS (state ->> 'province') STORED,
    merged_into uuid GENERATED ALWAYS AS ((state ->> 'merged_into')::uuid) STORED
);

CREATE INDEX companies_by_hub ON companies (home_hub, status, id);

CREATE TABLE company_members (
    company_id uuid NOT NULL,
    sub text NOT NULL,
    status text NOT NULL,
    PRIMARY KEY (company_id, sub)
);

CREATE INDEX company_members_by_sub ON company_members (sub, status, company_id);

CREATE TABLE figures (
    id uuid PRIMARY KEY,
    epoch integer NOT NULL,
    version integer NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    position bigint NOT NULL,
    state jsonb NOT NULL,
    key text NOT NULL GENERATED ALWAYS AS (state ->> 'key') STORED,
    level text NOT NULL GENERATED ALWAYS AS (state ->> 'level') STORED,
    subject text NOT NULL GENERATED ALWAYS AS (state ->> 'subject') STORED,
    as_of text GENERATED ALWAYS AS (state ->> 'as_of') STORED
);

CREATE INDEX figures_by_subject ON figures (level, subject, key);

CREATE TABLE challenges (
    id uuid PRIMARY KEY,
    epoch integer NOT NULL,
    version integer NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    position bigint NOT NULL,
    state jsonb NOT NULL,
    company_id uuid NOT NULL GENERATED ALWAYS AS ((state ->> 'company_id')::uuid) STORED,
    status text NOT NULL GENERATED ALWAYS AS (state ->> 'status') STORED,
    home_hub text NOT NULL GENERATED ALWAYS AS (state ->> 'home_hub') STORED,
    routed_hub text NOT NULL GENERATED ALWAYS AS (state ->> 'routed_hub') STORED,
    submitted_on text NOT NULL GENERATED ALWAYS AS (state ->> 'submitted_on') STORED
);

CREATE INDEX challenges_by_company ON challenges (company_id, submitted_on);

CREATE INDEX challenges_by_hub ON challenges (routed_hub, status, submitted_on);

CREATE TABLE referrals (
    id uuid PRIMARY KEY,
    epoch integer NOT NULL,
    version integer NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    position bigint NOT NULL,
    state jsonb NOT NULL,
    challenge_id uuid NOT NULL GENERATED ALWAYS AS ((state ->> 'challenge_id')::uuid) STORED,
    company_id uuid NOT NULL GENERATED ALWAYS AS ((state ->> 'company_id')::uuid) STORED,
    fieldlab_id uuid NOT NULL GENERATED ALWAYS AS ((state ->> 'fieldlab_id')::uuid) STORED,
    fieldlab text NOT NULL GENERATED ALWAYS AS (state ->> 'fieldlab') STORED,
    fieldlab_hub text NOT NULL GENERATED ALWAYS AS (state ->> 'fieldlab_hub') STORED,
    home_hub text NOT NULL GENERATED ALWAYS AS (state ->> 'home_hub') STORED,
    routed_hub text NOT NULL GENERATED ALWAYS AS (state ->> 'routed_hub') STORED,
    status text NOT NULL GENERATED ALWAYS AS (state ->> 'status') STORED,
    waiting_on text GENERATED ALWAYS AS (state ->> 'waiting_on') STORED,
    due_on text GENERATED ALWAYS AS (state ->> 'due_on') STORED,
    requested_at text NOT NULL GENERATED ALWAYS AS (state ->> 'requested_at') STORED -- RFC 3339 in UTC: sorts as text
);

CREATE INDEX referrals_by_company ON referrals (company_id, requested_at);

CREATE INDEX referrals_by_challenge ON referrals (challenge_id);

CREATE INDEX referrals_by_fieldlab ON referrals (fieldlab, requested_at, id);

CREATE INDEX referrals_by_routed_hub ON referrals (routed_hub, requested_at, id);

CREATE INDEX referrals_by_home_hub ON referrals (home_hub, requested_at, id);

CREATE INDEX referrals_by_position ON referrals (position);

CREATE TABLE activities (
    id uuid PRIMARY KEY,
    epoch integer NOT NULL,
    version integer NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    position bigint NOT NULL,
    state jsonb NOT NULL,
    slug text NOT NULL GENERATED ALWAYS AS (state ->> 'slug') STORED,
    organiser text NOT NULL GENERATED ALWAYS AS (state ->> 'organiser') STORED,
    hub text NOT NULL GENERATED ALWAYS AS (state ->> 'hub') STORED,
    status text NOT NULL GENERATED ALWAYS AS (state ->> 'status') STORED,
    starts_at text NOT NULL GENERATED ALWAYS AS (state ->> 'starts_at') STORED, -- in the precision of its source: sorts as text
    themes jsonb GENERATED ALWAYS AS (state -> 'themes') STORED
);

CREATE INDEX activities_by_slug ON activities (slug);

CREATE INDEX activities_by_start ON activities (starts_at, id);

CREATE TABLE registrations (
    id uuid PRIMARY KEY,
    epoch integer NOT NULL,
    version integer NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    position bigint NOT NULL,
    state jsonb NOT NULL,
    activity_id uuid NOT NULL GENERATED ALWAYS AS ((state ->> 'activity_id')::uuid) STORED,
    activity_hub text NOT NULL GENERATED ALWAYS AS (state ->> 'activity_hub') STORED,
    sub text GENERATED ALWAYS AS (state ->> 'sub') STORED,
    company_id uuid GENERATED ALWAYS AS ((state ->> 'company_id')::uuid) STORED,
    home_hub text NOT NULL GENERATED ALWAYS AS (state ->> 'home_hub') STORED,
    status text NOT NULL GENERATED ALWAYS AS (state ->> 'status') STORED,
    registered_at text NOT NULL GENERATED ALWAYS AS (state ->> 'registered_at') STORED
);

CREATE INDEX registrations_by_activity ON registrations (activity_id, registered_at);

CREATE INDEX registrations_by_sub ON registrations (sub);

CREATE TABLE cases (
    id uuid PRIMARY KEY,
    epoch integer NOT NULL,
    version integer NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    position bigint NOT NULL,
    state jsonb NOT NULL,
    slug text NOT NULL GENERATED ALWAYS AS (state ->> 'slug') STORED,
    owner text NOT NULL GENERATED ALWAYS AS (state ->> 'owner') STORED,
    hub text NOT NULL GENERATED ALWAYS AS (state ->> 'hub') STORED,
    status text NOT NULL GENERATED ALWAYS AS (state ->> 'status') STORED,
    fieldlab text GENERATED ALWAYS AS (state ->> 'fieldlab') STORED,
    dated text GENERATED ALWAYS AS (state ->> 'date') STORED,
    themes jsonb GENERATED ALWAYS AS (state -> 'themes') STORED
);

CREATE INDEX cases_by_slug ON cases (slug);

CREATE INDEX cases_by_date ON cases (dated, id);

-- The ledger: every figure is a sum of lines. `subject_kind` and `subject` say whose versions a line follows from.
CREATE TABLE line (
    indicator text NOT NULL,
    split text NOT NULL CHECK (split IN ('leaf', 'fieldlab')),
    leaf text NOT NULL,
    fieldlab text,
    subject_kind text NOT NULL,
    subject uuid NOT NULL,
    effective_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    amount integer NOT NULL CHECK (amount <> 0)
);

CREATE INDEX line_by_cell ON line (indicator, split, leaf, fieldlab, effective_at, recorded_at) INCLUDE (amount);

CREATE INDEX line_by_subject ON line (subject, subject_kind);

CREATE INDEX line_by_recording ON line (recorded_at);

-- What each indicator is; written from the code at start, so that the definition stands beside the number.
CREATE TABLE indicator (
    key text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('additive', 'unique')),
    measure text NOT NULL CHECK (measure IN ('stock', 'flow')),
    version integer NOT NULL,
    about_companies boolean NOT NULL, -- the public sees it suppressed, at month ends
    by_fieldlab boolean NOT NULL,
    definition_nl text NOT NULL,
    definition_en text NOT NULL,
    place integer NOT NULL
);

CREATE TABLE view_position (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    begins timestamptz, -- the first thing ever recorded; figures before it are unknown, not 0
    proven_at timestamptz, -- when `verify` last found the view equal to the journals
    proof jsonb
);

INSERT INTO view_position (position) VALUES (0);

CREATE TABLE topic_offset (
    topic text NOT NULL,
    partition integer NOT NULL,
    next bigint NOT NULL,
    cluster_id text NOT NULL,
    topic_id text NOT NULL,
    PRIMARY KEY (topic, partition)
);

-- The last heartbeat of each service whose offsets the view has reached: below `complete_until` it has everything.
CREATE TABLE heartbeat (
    service text PRIMARY KEY,
    complete_until timestamptz NOT NULL
);

-- Aggregates of which a version is missing; nothing later of them is taken in until it has come.
CREATE TABLE halted (
    kind text NOT NULL,
    id uuid NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL,
    seen_epoch integer NOT NULL,
    seen_version integer NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE TABLE dead (
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    cluster_id text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    key bytea,
    headers jsonb NOT NULL,
    value bytea,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, "offset", cluster_id)
);

-- Who asks, for row-level security; unset means nobody.
CREATE FUNCTION subject() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('schakel.subject', true), '');

CREATE FUNCTION scopes() RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
RETURN string_to_array(nullif(current_setting('schakel.scopes', true), ''), ' ');

-- The slugs of the scopes of one sort: slugs_of('hub') of "hub:oost fieldlab:robohouse" is {oost}.
CREATE FUNCTION slugs_of(sort text) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(split_part(scope, ':', 2)), '{}')
    FROM unnest(string_to_array(nullif(current_setting('schakel.scopes', true), ''), ' ')) AS scope
    WHERE split_part(scope, ':', 1) = sort;
END;

-- With its owner's rights, because a policy of a table may not read that table through its own policies.
CREATE FUNCTION my_companies() RETURNS uuid[] LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce(array_agg(company_id), '{}') FROM company_members
    WHERE sub = nullif(current_setting('schakel.subject', true), '') AND status = 'active';
END;

-- Complete until just before this instant; NULL until every service has said so once.
CREATE FUNCTION watermark() RETURNS timestamptz LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN count(*) FILTER (WHERE service IN ('registry', 'matching', 'events')) = 3
        THEN min(complete_until) - interval '1 microsecond' END
    FROM heartbeat;
END;

-- Whether all that the view holds was recorded by the watermark, so that an answer now is one for ever.
CREATE FUNCTION is_settled() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT watermark() IS NOT NULL AND NOT EXISTS (SELECT FROM line WHERE recorded_at > watermark());
END;

-- The last instant of the last day of the month before the one that `instant` lies in, or `instant` if it is such itself.
CREATE FUNCTION month_end(instant timestamptz) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
RETURN (date_trunc('month', (instant + interval '1 microsecond') AT TIME ZONE 'Europe/Amsterdam')
    AT TIME ZONE 'Europe/Amsterdam') - interval '1 microsecond';

-- All sums at (as_of, known_at) over all leaves or one. This is the only way to the lines for a reader. Who is signed in
-- gets exact sums. Others get figures about companies at month ends only (in both times), without cells under 5 and
-- without the complements from which those would follow: their amount is NULL. Guarded rows are always of all leaves: what
-- is hidden in the whole must not show in a part.
-- The row with leaf NULL and fieldlab NULL is the total of its split.
CREATE FUNCTION figures_at(as_of timestamptz, known_at timestamptz, one_leaf text)
RETURNS TABLE (indicator text, split text, leaf text, fieldlab text, amount bigint, guarded boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH asked AS (
        SELECT key, kind, by_fieldlab,
            about_companies AND nullif(current_setting('schakel.subject', true), '') IS NULL AS guarded
        FROM indicator
    ), sums AS (
        -- A line of an additive indicator counts at its leaf and, where it can be split so, at its fieldlab.
        SELECT l.indicator, s.split, CASE s.split WHEN 'leaf' THEN l.leaf END AS leaf,
            CASE s.split WHEN 'fieldlab' THEN l.fieldlab END AS fieldlab, a.guarded, sum(l.amount)::bigint AS n
        FROM line AS l JOIN asked AS a ON a.key = l.indicator
        JOIN (VALUES ('leaf'), ('fieldlab')) AS s (split)
            ON s.split = l.split OR (s.split = 'fieldlab' AND a.kind = 'additive' AND a.by_fieldlab)
        WHERE l.effective_at <= as_of AND (a.guarded OR one_leaf IS NULL OR l.leaf = one_leaf)
            AND l.recorded_at <= CASE WHEN a.guarded THEN least(known_at, month_end(now())) ELSE known_at END
            AND (NOT a.guarded OR (as_of = month_end(as_of) AND as_of <= now()))
        GROUP BY 1, 2, 3, 4, 5
        HAVING sum(l.amount) <> 0
    ), ranked AS (
        SELECT s.*, bool_or(n < 5) OVER family AS has_small,
            coalesce(sum(n) OVER (PARTITION BY s.indicator, s.split ORDER BY n, s.leaf, s.fieldlab
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS hidden_before,
            row_number() OVER (PARTITION BY s.indicator, s.split ORDER BY n, s.leaf, s.fieldlab) AS place
        FROM sums AS s
        WINDOW family AS (PARTITION BY s.indicator, s.split)
    )
    SELECT r.indicator, r.split, r.leaf, r.fieldlab,
        CASE WHEN r.guarded AND r.has_small AND (n < 5 OR hidden_before < 5 OR place <= 2) THEN NULL ELSE n END, r.guarded
    FROM ranked AS r
    UNION ALL
    SELECT t.indicator, t.split, NULL, NULL, CASE WHEN bool_or(t.guarded) AND sum(n) < 5 THEN NULL ELSE sum(n)::bigint END,
        bool_or(t.guarded)
    FROM ranked AS t GROUP BY 1, 2;
END;
