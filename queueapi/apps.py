from django.apps import AppConfig


class QueueApiConfig(AppConfig):
    name = "queueapi"
    verbose_name = "Queue API"
