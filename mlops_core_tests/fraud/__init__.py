"""A project whose label is in another table: is an order a fraud, which banks report days later?"""
