"""Contracts: what a model's columns have to be like, as people read and write it; whether rows keep it."""
