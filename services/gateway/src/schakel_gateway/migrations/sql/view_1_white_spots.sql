-- Demand without supply: technologies that companies of a province asked for and no fieldlab of that province has.
-- One statement on the rows of the view. Exact for the national team and, of its own provinces, for a hub. Everybody
-- else gets the state of the last month end, only cells of 5 companies or more, and no total from which a hidden cell
-- would follow; a cell that is not there may be one that is hidden.
CREATE OR REPLACE FUNCTION white_spots(region text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH asked AS (
        SELECT exact, CASE WHEN exact THEN now() ELSE month_end(now()) END AS moment
        FROM (
            SELECT coalesce('national' = ANY (mine) OR 'hub:' || region = ANY (mine), false) AS exact
            FROM (SELECT coalesce(scopes(), '{}') AS mine) AS caller
        ) AS judged
    ), province AS (
        SELECT DISTINCT jsonb_array_elements_text(h.state -> 'provinces') AS code
        FROM hubs AS h WHERE region IS NULL OR h.slug = region
    ), past AS (
        SELECT DISTINCT ON (h.kind, h.id) h.kind, h.id, h.company_id, h.state::jsonb AS state
        FROM history AS h CROSS JOIN asked AS a
        WHERE NOT a.exact AND h.kind IN ('challenge', 'fieldlab')
            AND h.effective_at <= a.moment AND h.recorded_at <= a.moment
        ORDER BY h.kind, h.id, h.epoch DESC, h.version DESC
    ), need AS (
        SELECT c.company_id, c.state FROM challenges AS c CROSS JOIN asked AS a WHERE a.exact AND c.status <> 'erased'
        UNION ALL
        SELECT p.company_id, p.state FROM past AS p
        JOIN challenges AS c ON c.id = p.id AND c.status <> 'erased' WHERE p.kind = 'challenge'
    ), lab AS (
        SELECT f.state FROM fieldlabs AS f CROSS JOIN asked AS a WHERE a.exact
        UNION ALL
        SELECT p.state FROM past AS p WHERE p.kind = 'fieldlab'
    ), demand AS (
        SELECT concept.key AS technology, n.state ->> 'province' AS province,
            count(DISTINCT coalesce(c.merged_into, n.company_id)) AS companies, count(*) AS needs
        FROM need AS n CROSS JOIN LATERAL jsonb_array_elements_text(n.state -> 'concepts') AS concept (key)
        LEFT JOIN companies AS c ON c.id = n.company_id
        GROUP BY 1, 2
    ), supply AS (
        SELECT theme.key AS technology, l.state ->> 'province' AS province, count(*) AS fieldlabs
        FROM lab AS l CROSS JOIN LATERAL jsonb_array_elements_text(l.state -> 'themes') AS theme (key)
        WHERE (l.state ->> 'published')::boolean AND l.state ->> 'status' <> 'ended'
        GROUP BY 1, 2
    ), spot AS (
        SELECT d.technology, d.province, d.companies, d.needs,
            coalesce((SELECT sum(s.fieldlabs) FROM supply AS s WHERE s.technology = d.technology), 0) AS fieldlabs_elsewhere
        FROM demand AS d JOIN province AS p ON p.code = d.province CROSS JOIN asked AS a
        WHERE (a.exact OR d.companies >= 5) AND NOT EXISTS (
            SELECT FROM supply AS s WHERE s.technology = d.technology AND s.province = d.province
        )
    )
    SELECT jsonb_build_object(
        'known', EXISTS (SELECT FROM province),
        'exact', a.exact,
        'as_of', a.moment,
        'position', (SELECT position FROM view_position),
        'region', region,
        'spots', coalesce((
            SELECT jsonb_agg(to_jsonb(s) ORDER BY s.companies DESC, s.fieldlabs_elsewhere, s.technology, s.province)
            FROM spot AS s
        ), '[]')
    ) FROM asked AS a;
END;
