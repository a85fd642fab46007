"""Policies: what hosts have to be like, as data, and what they mean. Pure; nothing here reads the store or the clock.

    catalogue   policies from a folder of YAML files, or those that come with us; `reading` has the mistakes by line
    policy      what a file says: `Policy`, its `Scope`, its exceptions (`Exemption`), its tests (`Case`)
    rules       the kinds of rule: a tagged union of Structs
    facts       what a host is judged on: `Facts`, each kind `Seen` or `Unseen`
    judge       judge(policy, facts, at) -> Verdict, the meaning of all this; None for a host that it is not about
    needs       needs(policy) -> which kinds of fact it reads, how far back, whether time alone can change the verdict
    matchers    matchers(rule) -> which entries of the dictionaries a rule means, for judging many hosts at once
    fleet       judge_fleet(policy, fleet, rows, at): the same verdicts for many hosts at once
    kinds/      what each kind of rule means, a file per subject
    lifecycle, releases     until when operating systems are supported
    trials      a policy's own tests, run

Verdicts are pass, fail and unknown. What was not seen is unknown: a forbidden thing fails when it was seen and passes
only where all was seen; a required thing passes when it was seen and fails only where all was seen. All times are in ms
since 1970, UTC, on the server's time axis; a session's `opened_at` is the host's own and is set right by the skew.
"""
