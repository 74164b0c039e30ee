# One image for web, workers and beat: docker-compose.yml says which command each of them runs.
# It holds no secret: every setting comes from the environment (docs/settings.md).

FROM python:3.12-slim AS libraries
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install -r requirements.txt

FROM python:3.12-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN groupadd --system --gid 10001 seedtest \
 && useradd --system --uid 10001 --gid seedtest --home-dir /app --no-create-home --shell /usr/sbin/nologin seedtest
WORKDIR /app
COPY --from=libraries /venv /venv
COPY manage.py ./
COPY placement placement
COPY seedtest seedtest
# The key is for this one command and stays in no layer. The code is compiled here, because nothing may write later.
RUN SECRET_KEY=only-while-building python manage.py collectstatic --noinput --verbosity 0
RUN python -m compileall -q manage.py placement seedtest \
 && install -d -o seedtest -g seedtest var var/media
USER seedtest
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s --retries=3 \
    CMD ["python", "manage.py", "health", "database", "broker"]
CMD ["gunicorn", "seedtest.wsgi:application", "--bind=0.0.0.0:8000", "--worker-class=gthread", "--workers=2", "--threads=8", "--worker-tmp-dir=/dev/shm", "--no-control-socket"]
