"""Representations that are kept useful while tasks arrive one after another."""
