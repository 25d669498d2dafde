"""How a search proposes architectures: one file a strategy behind one small protocol.

`catalogue.STRATEGIES` names them.
"""
