FROM swift:6.3-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libsqlite3-dev libssl-dev zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN swift build -c release --product vigil --static-swift-stdlib \
    && install -D "$(swift build -c release --product vigil --static-swift-stdlib --show-bin-path)/vigil" /out/vigil \
    && strip /out/vigil

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libsqlite3-0 libssl3 zlib1g libstdc++6 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin vigil \
    && install -d -o 10001 -g 10001 -m 700 /var/lib/vigil
COPY --from=build /out/vigil /usr/local/bin/vigil
COPY LICENSE /usr/share/doc/vigil/LICENSE
USER 10001
ENV VIGIL_HOST=0.0.0.0 VIGIL_PORT=8080 VIGIL_STATE=/var/lib/vigil
VOLUME /var/lib/vigil
EXPOSE 8080
STOPSIGNAL SIGTERM
# bash speaks to the port itself; the image has no curl. A server with TLS answers plain HTTP with 400, if it is well.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["bash", "-c", "code=${VIGIL_TLS_CERT:+400}; exec 3<>/dev/tcp/127.0.0.1/${VIGIL_PORT} && printf 'GET /livez HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q \" ${code:-200} \""]
ENTRYPOINT ["vigil"]
CMD ["serve"]
