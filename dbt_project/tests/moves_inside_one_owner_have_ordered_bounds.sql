{{ config(meta={'dagster': {'ref': {'name': 'onchain_known_moves'}}}) }}

-- And a move that is continued is over before.
select
    moves.move_id,
    moves.move_date
from {{ ref('onchain_known_moves') }} as moves
left join {{ ref('onchain_known_moves') }} as continued
    on
        moves.asset = continued.asset
        and moves.network = continued.network
        and moves.continues_move_id = continued.move_id
where
    moves.lth_low_native < 0
    or moves.lth_low_native > moves.lth_high_native
    or moves.lth_high_native > moves.amount_native
    or moves.lth_high_native is null
    or (moves.continues_move_id is not null and continued.move_id is null)
    or continued.move_date >= moves.move_date
