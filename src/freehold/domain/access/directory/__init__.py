"""The directory: persons (people and apps), the clients that act for apps, the roles they hold."""
