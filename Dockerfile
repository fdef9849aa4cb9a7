# An image of the program, the libraries that it needs, and nothing else: no shell and no package manager. Some 105 MB.
ARG SWIFT_IMAGE=swift:6.3-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim

FROM ${SWIFT_IMAGE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libsqlite3-dev libssl-dev zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN swift build -c release --product vigil --static-swift-stdlib \
    && install -D "$(swift build -c release --product vigil --static-swift-stdlib --show-bin-path)/vigil" /out/vigil \
    && strip /out/vigil

FROM ${DEBIAN_IMAGE} AS files
# dpkg's notes on the packages stay, each in a file, where scanners look for them.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates \
    && mkdir -p /packages /image/var/lib/dpkg/status.d && cd /packages \
    && apt-get download gcc-12-base libc6 libgcc-s1 libmosquitto1 libsqlite3-0 libssl3 libstdc++6 zlib1g \
        libpq5 libcom-err2 libffi8 libgmp10 libgnutls30 libgssapi-krb5-2 libhogweed6 libidn2-0 libk5crypto3 libkeyutils1 \
        libkrb5-3 libkrb5support0 libldap-2.5-0 libnettle8 libp11-kit0 libsasl2-2 libtasn1-6 libunistring2 \
    && for package in *.deb; do \
        dpkg-deb --extract "$package" /image \
        && dpkg-deb --field "$package" >"/image/var/lib/dpkg/status.d/$(dpkg-deb --field "$package" Package)" || exit 1; \
    done \
    && find /image/usr/share/doc -type f ! -name copyright -delete \
    && rm -rf /image/usr/share/lintian /image/usr/share/man /image/usr/share/gcc /image/usr/share/gdb \
        /image/usr/lib/*/gconv /image/lib/*/gconv /image/usr/lib/*/perl5 \
    && install -D -m 644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
    && cp /etc/os-release /image/etc/os-release \
    && printf 'root:x:0:0:root:/:/usr/sbin/nologin\nvigil:x:10001:10001::/var/lib/vigil:/usr/sbin/nologin\n' \
        >/image/etc/passwd \
    && printf 'root:x:0:\nvigil:x:10001:\n' >/image/etc/group \
    && install -d /image/etc/vigil \
    && printf '{"host": "0.0.0.0", "port": 8080, "state": "/var/lib/vigil"}\n' >/image/etc/vigil/vigil.json \
    && install -d /image/dev /image/proc /image/sys && install -d -m 1777 /image/tmp && install -d -o 10001 -g 10001 -m 700 /image/var/lib/vigil

FROM scratch
COPY --from=files /image /
COPY --from=build /out/vigil /usr/bin/vigil
COPY LICENSE /usr/share/doc/vigil/LICENSE
USER 10001:10001
# A file, which another one may be mounted over: variables would come before what that says.
ENV PATH=/usr/bin VIGIL_CONFIG=/etc/vigil/vigil.json
VOLUME /var/lib/vigil
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/usr/bin/vigil", "health"]
ENTRYPOINT ["/usr/bin/vigil"]
CMD ["serve"]
