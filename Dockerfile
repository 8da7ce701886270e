# One image for every process: `api` is the default, `worker` is the other.
FROM python:3.11-slim

WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY service service
COPY workers workers
RUN pip install --no-cache-dir -c constraints.txt . \
    && useradd --uid 10001 --no-create-home shortlist \
    && install --directory --owner shortlist --mode 0700 /data

USER shortlist
ENV SHORTLIST_DATA_DIR=/data SHORTLIST_HOST=0.0.0.0 PYTHONUNBUFFERED=1 MPLCONFIGDIR=/tmp/matplotlib
VOLUME /data
EXPOSE 8000
HEALTHCHECK --start-period=20s CMD ["python", "-c", "import urllib.request as web; \
    web.urlopen('http://127.0.0.1:8000/livez', timeout=5)"]

ENTRYPOINT ["shortlist"]
CMD ["api"]
