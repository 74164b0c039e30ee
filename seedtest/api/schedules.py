"""/schedules: recurring tests that we send."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from seedtest.api import messages, references
from seedtest.api.fields import Flag, Moment, Strict, Text
from seedtest.api.paging import PARAMETERS, page
from seedtest.api.resource import CHANGES, CREATES, IDEMPOTENCY_KEY, Resource, answers
from seedtest.models import Schedule
from seedtest.models.clock import db_now
from seedtest.models.people import Scope
from seedtest.models.schedules import Misfire
from seedtest.services import scheduling
from seedtest.services.idempotency import Answer
from seedtest.services.intake import Fault, IntakeError


class ScheduleBody(Strict):
    name = Text(max_length=120)
    cron = Text(max_length=120, help_text="Five fields: minute hour day month weekday, like `0 9 * * 1-5`.")
    timezone = Text(required=False, max_length=64, help_text="IANA zone in which cron is read, like Europe/Berlin.")
    seed_list = Text()
    stream = Text(required=False, allow_null=True)
    sending_profile = Text()
    message = messages.MessageSource()
    misfire = serializers.ChoiceField(Misfire.choices, required=False, help_text="When the service was down then.")
    enabled = Flag(required=False)


class ScheduleDocument(serializers.Serializer[Schedule]):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    enabled = serializers.BooleanField()
    cron = serializers.CharField()
    timezone = serializers.CharField()
    seed_list = serializers.CharField(source="seed_list.public_id")
    stream = serializers.CharField(source="stream.public_id", allow_null=True)
    sending_profile = serializers.CharField(source="sending_profile.public_id")
    message = messages.MessageSummary()
    misfire = serializers.CharField(help_text="run_once or skip")
    next_run_at = Moment(allow_null=True)
    last_run_at = Moment(allow_null=True)
    last_error = serializers.CharField()
    created_at = Moment()
    links = serializers.SerializerMethodField()

    def get_links(self, schedule: Schedule) -> dict[str, str]:
        return {"self": f"/api/v1/schedules/{schedule.public_id}"}


class SchedulePage(serializers.Serializer[Any]):
    data = ScheduleDocument(many=True)
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)


class ScheduleResource(Resource):
    scopes = {
        "GET": Scope.SCHEDULES_READ,
        "POST": Scope.SCHEDULES_WRITE,
        "PATCH": Scope.SCHEDULES_WRITE,
        "DELETE": Scope.SCHEDULES_WRITE,
    }
    rows = Schedule.objects.select_related("seed_list", "stream", "sending_profile", "message")

    def save(self, schedule: Schedule, body: dict[str, Any]) -> Schedule:
        """Call inside a transaction. Everything that is wrong comes as IntakeError."""
        now = db_now()
        rows = references.resolve(self.workspace, body)
        if source := body.pop("message", None):
            rows["message"] = messages.keep(self.workspace, source, now)
        for name, value in (body | rows).items():
            setattr(schedule, name, value)
        try:
            schedule.clean_fields(exclude=["created_by"])
            with transaction.atomic():
                return scheduling.save_schedule(schedule, now=now)
        except ValidationError as error:
            raise IntakeError(_faults(error)) from error
        except IntegrityError as error:
            detail = "There is a schedule of this name already. Choose another name."
            raise IntakeError([Fault("#/name", "taken", detail)]) from error


def _faults(error: ValidationError) -> list[Fault]:
    return [Fault(f"#/{name}", "invalid", text) for name, texts in error.message_dict.items() for text in texts]


class Schedules(ScheduleResource):
    @extend_schema(
        operation_id="list_schedules", summary="List schedules", parameters=PARAMETERS,
        responses=answers({200: SchedulePage}, 400),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        rows = self.rows.filter(workspace=self.workspace)
        return Response(page(request, self.workspace, rows, lambda some: ScheduleDocument(some, many=True).data))

    @extend_schema(
        operation_id="create_schedule", summary="Create a schedule", parameters=[IDEMPOTENCY_KEY],
        request=ScheduleBody, responses=answers({201: ScheduleDocument}, *CREATES),
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        return self.create(self._create)

    def _create(self) -> Answer:
        schedule = Schedule(workspace=self.workspace, created_by=self.key.created_by)
        saved = self.save(schedule, self.body(ScheduleBody))
        return Answer(201, dict(ScheduleDocument(saved).data), saved.public_id)


class OneSchedule(ScheduleResource):
    @extend_schema(
        operation_id="get_schedule", summary="Read a schedule", responses=answers({200: ScheduleDocument}, 404)
    )
    def get(self, request: Request, schedule_id: str) -> Response:
        return Response(ScheduleDocument(self.find(self.rows, schedule_id)).data)

    @extend_schema(
        operation_id="change_schedule", summary="Change a schedule", request=ScheduleBody,
        responses=answers({200: ScheduleDocument}, *CHANGES),
    )  # fmt: skip
    def patch(self, request: Request, schedule_id: str) -> Response:
        with transaction.atomic():
            schedule = self.find(self.rows.select_for_update(of=("self",)), schedule_id)
            self.save(schedule, self.body(ScheduleBody, partial=True))
        return Response(ScheduleDocument(self.find(self.rows, schedule_id)).data)

    @extend_schema(
        operation_id="delete_schedule", summary="Delete a schedule", responses=answers({204: None}, 404),
        description="The tests it opened stay.",
    )  # fmt: skip
    def delete(self, request: Request, schedule_id: str) -> Response:
        with transaction.atomic():
            self.find(self.rows.select_for_update(of=("self",)), schedule_id).delete()
        return Response(status=204)
