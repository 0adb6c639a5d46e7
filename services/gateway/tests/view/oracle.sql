-- Every figure at ($1 asOf, $2 knownAt), straight from the history, without the ledger and without any code of it:
-- indicator, split (leaf, fieldlab), cell, number. Written from the definitions, not from the program.
WITH RECURSIVE known AS (
    SELECT * FROM view_1.history WHERE recorded_at <= $2
), seen AS ( -- a version counts from its effective time unless a higher one is effective as early
    SELECT v.* FROM known AS v WHERE NOT EXISTS (
        SELECT FROM known AS o WHERE o.kind = v.kind AND o.id = v.id AND (o.epoch, o.version) > (v.epoch, v.version)
            AND o.effective_at <= v.effective_at)
), now_so AS ( -- the state at asOf
    SELECT DISTINCT ON (kind, id) kind, id, state FROM known WHERE effective_at <= $1
    ORDER BY kind, id, epoch DESC, version DESC
), stocks AS (
    SELECT 'fieldlabs_active' AS indicator, state ->> 'hub' AS leaf, state ->> 'slug' AS fieldlab FROM now_so
    WHERE kind = 'fieldlab' AND state ->> 'kind' = 'fieldlab' AND state ->> 'published' = 'true' AND state ->> 'status' = 'active'
    UNION ALL
    SELECT 'fieldlabs_recognised', state ->> 'hub', state ->> 'slug' FROM now_so
    WHERE kind = 'fieldlab' AND state ->> 'kind' = 'fieldlab' AND state ->> 'published' = 'true'
        AND state -> 'recognition' ->> 'status' = 'recognised'
    UNION ALL
    SELECT 'companies_registered', state ->> 'home_hub', NULL FROM now_so
    WHERE kind = 'company' AND state ->> 'status' IN ('unverified', 'verified')
    UNION ALL
    SELECT 'cases_published', state ->> 'hub', NULL FROM now_so WHERE kind = 'case' AND state ->> 'status' = 'published'
), shown AS ( -- each version that shows a fact, and when that fact was
    SELECT 'challenges_submitted' AS indicator, kind, id, effective_at, effective_at AS at, state ->> 'home_hub' AS leaf,
        NULL AS fieldlab, company_id
    FROM seen WHERE kind = 'challenge' AND state ->> 'status' <> 'erased'
    UNION ALL
    SELECT 'referrals_requested', kind, id, effective_at, effective_at, state ->> 'routed_hub', state ->> 'fieldlab', company_id
    FROM seen WHERE kind = 'referral' AND state ->> 'status' <> 'erased'
    UNION ALL
    SELECT 'referrals_accepted', kind, id, effective_at, effective_at, state ->> 'fieldlab_hub', state ->> 'fieldlab', company_id
    FROM seen WHERE kind = 'referral' AND state ->> 'status' IN ('accepted', 'completed')
    UNION ALL
    SELECT named.indicator, kind, id, effective_at,
        coalesce((state ->> 'outcome_on')::timestamp AT TIME ZONE 'Europe/Amsterdam', effective_at),
        state ->> 'fieldlab_hub', state ->> 'fieldlab', company_id
    FROM seen, (VALUES ('outcomes_recorded'), ('useful_outcomes')) AS named (indicator)
    WHERE kind = 'referral' AND state ->> 'status' <> 'erased' AND state ->> 'outcome' IS NOT NULL
        AND (named.indicator = 'outcomes_recorded' OR state ->> 'outcome' <> 'nothing')
    UNION ALL
    SELECT 'registrations_made', kind, id, effective_at, effective_at, state ->> 'activity_hub', NULL, NULL
    FROM seen WHERE kind = 'registration' AND state ->> 'status' IN ('registered', 'attended')
), first_shown AS (
    SELECT DISTINCT ON (indicator, id) * FROM shown ORDER BY indicator, id, effective_at
), planned AS ( -- the plan as it stands, whenever it was made
    SELECT DISTINCT ON (id) state, CASE WHEN state ->> 'starts_at' LIKE '%T%' THEN (state ->> 'starts_at')::timestamptz
        -- a month or a year begins on its first day
        ELSE ((state ->> 'starts_at') || left('-01-01', 10 - length(state ->> 'starts_at')))::timestamp AT TIME ZONE 'Europe/Amsterdam'
        END AS at
    FROM known WHERE kind = 'activity' ORDER BY id, epoch DESC, version DESC
), additive AS (
    SELECT indicator, leaf, fieldlab FROM stocks
    UNION ALL
    SELECT indicator, leaf, fieldlab FROM first_shown WHERE at <= $1 AND indicator <> 'useful_outcomes'
    UNION ALL
    SELECT 'activities_held_or_planned', state ->> 'hub', NULL FROM planned
    WHERE at <= $1 AND state ->> 'status' <> 'cancelled'
), standing AS ( -- a company at asOf as it last was before erasure
    SELECT DISTINCT ON (s.id) s.id, s.state FROM seen AS s WHERE s.kind = 'company' AND s.effective_at <= $1
    ORDER BY s.id, (s.state ->> 'status' <> 'erased') DESC, s.effective_at DESC
), reached AS ( -- the company of a fact at asOf is the one that its referral names then
    SELECT CASE f.indicator WHEN 'referrals_requested' THEN 'companies_asking'
            WHEN 'referrals_accepted' THEN 'companies_served' ELSE 'companies_with_outcome' END AS indicator,
        f.at, f.id, f.fieldlab, n.company_id, n.state ->> 'home_hub' AS home_hub
    FROM first_shown AS f CROSS JOIN LATERAL (
        SELECT s.company_id, s.state FROM seen AS s WHERE s.kind = 'referral' AND s.id = f.id
            AND s.effective_at <= greatest($1, f.effective_at) ORDER BY s.effective_at DESC LIMIT 1
    ) AS n
    WHERE f.at <= $1 AND f.indicator IN ('referrals_requested', 'referrals_accepted', 'useful_outcomes')
), ways AS ( -- follow merges; nothing is followed twice
    SELECT DISTINCT company_id AS origin, company_id AS here, ARRAY[company_id] AS way FROM reached
    UNION ALL
    SELECT w.origin, (s.state ->> 'merged_into')::uuid, w.way || (s.state ->> 'merged_into')::uuid
    FROM ways AS w JOIN standing AS s ON s.id = w.here
    WHERE s.state ->> 'status' = 'merged' AND s.state ->> 'merged_into' IS NOT NULL
        AND (s.state ->> 'merged_into')::uuid <> ALL (w.way)
), ends AS (
    SELECT DISTINCT ON (w.origin) w.origin,
        -- in a circle all are the smallest of the circle
        CASE WHEN s.state ->> 'status' = 'merged' AND (s.state ->> 'merged_into')::uuid = ANY (w.way)
            THEN (SELECT x FROM unnest(w.way[array_position(w.way, (s.state ->> 'merged_into')::uuid):]) AS x ORDER BY x LIMIT 1)
            ELSE w.here END AS company
    FROM ways AS w LEFT JOIN standing AS s ON s.id = w.here ORDER BY w.origin, cardinality(w.way) DESC
), counted AS (
    SELECT r.indicator, e.company, r.fieldlab,
        first_value(coalesce(s.state ->> 'home_hub', r.home_hub)) OVER (PARTITION BY r.indicator, e.company ORDER BY r.at, r.id)
            AS leaf
    FROM reached AS r JOIN ends AS e ON e.origin = r.company_id LEFT JOIN standing AS s ON s.id = e.company
)
SELECT indicator, 'leaf' AS split, leaf AS cell, count(*)::int AS n FROM additive GROUP BY 1, 3
UNION ALL
SELECT indicator, 'fieldlab', fieldlab, count(*)::int FROM additive WHERE fieldlab IS NOT NULL GROUP BY 1, 3
UNION ALL
SELECT indicator, 'leaf', leaf, count(DISTINCT company)::int FROM counted GROUP BY 1, 3
UNION ALL
SELECT indicator, 'fieldlab', fieldlab, count(DISTINCT company)::int FROM counted GROUP BY 1, 3
