import { z } from 'zod';

/** The public half of a key that signs, as it stands in a file of edge-train: SPKI, PEM. */
export const PublicKey = z.string().startsWith('-----BEGIN PUBLIC KEY-----', 'an SPKI PEM public key');
