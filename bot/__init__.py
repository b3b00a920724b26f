"""A bot that watches baskets of stocks and says, by itself and truthfully, when they fall as rarely before.

One sentence, one path, one direction:

    prices      load, screen    what did the market do, and do we believe it?
    baskets     value           what do we watch?
    statistics  measure         how far, how rare?
    alerts      decide          must anyone know?
    context     explain         what else is true?
    messages    render          how do we say it?
    delivery    address         who hears it, once?

`pipeline` is the path on one page; `engine` and `dispatcher` are the two loops that drive it, in the one process that
holds the `lease`; `backtest` drives it over history; `adapters` are the world; `settings` and `app` put it together;
`cli` is what a person types.
"""
