"""The dialect of FastConnect V2: its REST calls, its streams over SignalR, its market data."""
