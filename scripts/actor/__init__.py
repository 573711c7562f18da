"""The painter of the actor: a head of nobody, drawn and animated by code."""
