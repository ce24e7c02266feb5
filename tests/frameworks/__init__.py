"""The law in one direction: what a framework answers natively, it answers through `WsgiToAsgi`, byte for byte."""
