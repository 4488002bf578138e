const WORDS = {
  ask: 'Signs this browser in, so that the Temporal UI can show what is encrypted.',
  done: 'Signed in for 12 hours. Reload the Temporal UI.',
  refused: 'That is not the token.',
} as const;

/** A form without a script. Whatever the outcome, it says nothing of who asked. */
export function signInPage(outcome: keyof typeof WORDS = 'ask', headers: Record<string, string> = {}) {
  const form =
    outcome === 'done'
      ? ''
      : '<form method="post" action="/sign-in"><label>Token <input name="token" type="password" autocomplete="off" autofocus required></label> <button>Sign in</button></form>';
  return {
    status: outcome === 'refused' ? 401 : 200,
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><title>edge-train codec server</title><h1>Codec server</h1><p>${WORDS[outcome]}</p>${form}</html>`,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      ...headers,
    },
    note: outcome,
  };
}
