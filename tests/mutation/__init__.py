"""Mutation testing of spec/ and kvref/, by mutmut; every survivor is killed or explained."""
