"""A bot that watches baskets of stocks and alerts when one of them has one of its rarest falls.

The path, in one direction; `pipeline` has it on one page:

    prices      validate_rows, build_table    daily bars, checked and aligned
    baskets     value_basket                  daily returns of each basket
    statistics  measure_basket                move, rank, percentile, drawdown
    alerts      decide                        levels reached, episodes
    context     build_context                 members, contrast, history
    messages    render_alert                  text, by language
    delivery    route                         one delivery a chat

`engine`, `dispatcher` and `chat` are the three loops of the one process that holds the `lease`. `backtest` and `tuning`
drive the path over history. `adapters` are the outside world, `settings` the configuration, `app` the wiring and `cli`
the commands.
"""
