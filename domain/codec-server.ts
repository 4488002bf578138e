import { z } from 'zod';
import { SecretReference } from './secret.ts';

const FilePath = z.string().regex(/^\//, 'an absolute path');
const LISTEN = /^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/;

/** 127.0.0.0/8, ::1 and localhost: who reaches those is on this machine already. */
const isLoopback = (listen: string): boolean => /^(127(\.\d{1,3}){3}|localhost|\[::1\]):\d+$/.test(listen);

/** `codecServer` of client.yml. */
export const CodecServerSettings = z
  .strictObject({
    listen: z
      .string()
      .regex(LISTEN, 'HOST:PORT')
      .default('127.0.0.1:8234')
      .describe('Where browsers ask it. Another address than this machine’s own loopback needs `tls`.'),
    origins: z
      .array(z.string().regex(/^https?:\/\/[^/\s@?#*]+$/, 'an origin is http(s)://HOST[:PORT], without a path'))
      .min(1)
      .describe('The Temporal UI’s own, such as `https://temporal.hospital.example`. No other page can ask.'),
    token: SecretReference.describe(
      'What a person signs in with: 32 characters or more, such as `openssl rand -hex 32`.',
    ),
    tls: z
      .strictObject({
        certificate: FilePath.describe('PEM, with its chain.'),
        key: SecretReference.describe('Its private key, PEM.'),
      })
      .optional()
      .describe('Its certificate.'),
  })
  .refine(({ listen, tls }) => tls !== undefined || isLoopback(listen), {
    error: 'is required where `listen` is not this machine’s loopback: a token would be readable on its way',
    path: ['tls'],
  });
export type CodecServerSettings = z.infer<typeof CodecServerSettings>;
