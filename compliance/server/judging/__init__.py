"""Judging: policies as they were applied, and what they say of the hosts that there are, as intervals.

    book       which version of which policy stood when; `apply` writes a new page
    labels     what an administrator calls a host
    marks      up to where each host was judged, and which hosts are to be judged anew
    memory     what a worker keeps between two turns: the entries of dictionaries that policies mean, ids of findings
    history    the facts of some hosts over a time, as the policies' `Facts` at any moment of it
    reading    from the tables to histories
    course     what each policy said of each host from a moment on: judged at every moment at which something changed
    revision   pure: from what was said and what has to be said to what is written
    turn       one turn: read, judge, write, hosts by hosts, each with its mark in one transaction
    worker     the supervised task that takes turns beside the writer
    question   what policies would say of the fleet at a moment, past included; writes nothing

A turn of a host starts at the first moment of which more is known than when it was judged last. What was said before
that moment stands; from there on everything is judged anew, and what was said otherwise is superseded.
"""
