"""TLS to Kafka: the context, and why a handshake fails, which aiokafka keeps to itself."""

from __future__ import annotations

import asyncio
import ssl

from deltawire.config import KafkaConfig
from deltawire.log.port import LogError

PROBE_WITHIN = 2.0


def tls_context(config: KafkaConfig) -> ssl.SSLContext:
    """
    Raises:
        LogError: a certificate cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=config.ssl_cafile)
        if config.ssl_certfile is not None:
            context.load_cert_chain(config.ssl_certfile, config.ssl_keyfile)
    except OSError as error:
        raise LogError(f"kafka.ssl_cafile, ssl_certfile or ssl_keyfile cannot be used: {error}") from error
    return context


async def tls_trouble(address: str, context: ssl.SSLContext) -> str | None:
    """Why no handshake succeeds with a broker of ``host:port,host:port``, as a clause; null if that is not it."""
    for broker in address.split(","):
        host, _, port = broker.rpartition(":")
        try:
            async with asyncio.timeout(PROBE_WITHIN):
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
        except ssl.SSLCertVerificationError as error:
            return (
                f"the certificate of Kafka at {broker} is not trusted ({error.verify_message}); "
                "does kafka.ssl_cafile name the authority that signed it, and is the address one that it names?"
            )
        except (ssl.SSLError, ConnectionResetError):
            # A broker without TLS takes the handshake for a request, and hangs up.
            return f"Kafka at {broker} does not speak TLS as we do; are the port and kafka.security_protocol right?"
        except OSError:
            continue
        writer.transport.abort()
    return None
