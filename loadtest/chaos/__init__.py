"""Buyers who pay while everything around them breaks; afterwards three ledgers have to agree."""
