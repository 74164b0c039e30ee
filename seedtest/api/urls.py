"""The addresses of the API."""

from django.urls import include, path, re_path

from seedtest.api import evidence, openapi, schedules, seeds, seedtests
from seedtest.api.problems import unknown_address

v1 = [
    path("tests", seedtests.SeedTests.as_view()),
    path("tests/<str:test_id>", seedtests.OneSeedTest.as_view()),
    path("tests/<str:test_id>/results", seedtests.Results.as_view()),
    path("tests/<str:test_id>/cancel", seedtests.Cancel.as_view()),
    path("tests/<str:test_id>/recheck", seedtests.Recheck.as_view()),
    path("results/<str:result_id>/evidence", evidence.OneResult.as_view()),
    path("seeds", seeds.Seeds.as_view()),
    path("seeds/export.csv", seeds.SeedExport.as_view()),
    path("schedules", schedules.Schedules.as_view()),
    path("schedules/<str:schedule_id>", schedules.OneSchedule.as_view()),
    path("schema", openapi.Schema.as_view()),
]
urlpatterns = [
    path("v1/", include(v1)),
    re_path(r"", unknown_address),
]
