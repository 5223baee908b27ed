import type { FastifyReply } from 'fastify'

/**
 * Sends text that is serialized already, byte for byte and under exactly this media type (Fastify adds a charset to texts, not to
 * bytes). The type says that a handler has nothing else to return.
 */
export const sendText = (reply: unknown, mediaType: string, text: string): never =>
  (reply as FastifyReply).type(mediaType).send(Buffer.from(text)) as never
