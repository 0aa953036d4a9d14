"""The console: one page that shows leads, triggers, models and reports while they change."""
