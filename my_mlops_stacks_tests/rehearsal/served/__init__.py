"""The code location of a target that asks for a serving endpoint, as the rehearsed target's file would."""
