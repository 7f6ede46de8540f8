// The lab's OpenID Connect provider: panva's oidc-provider (certified), with the client and the users of its
// configuration file. The file is read at each look at a client, so that another stack's address counts at once.
// Sessions and codes are in memory: a lab that restarts asks everyone to log in again.
//
// node provider.mjs CONFIGURATION

import { createHash, createPrivateKey, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

import Provider from 'oidc-provider';

const file = process.argv[2];
const read = () => JSON.parse(readFileSync(file, 'utf8'));
const settings = read();
const LARGEST = 10_000; // bytes of a form
const HOUR = 3600;

// --- what is kept ----------------------------------------------------------------------------------------------------

const kept = new Map();
const members = new Map(); // grant: keys of what was given out for it

class Memory {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload, expiresIn) {
    const key = this.key(id);
    kept.set(key, { payload, until: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
    if (payload.grantId) members.set(payload.grantId, [...(members.get(payload.grantId) ?? []), key]);
  }

  async find(id) {
    if (this.model === 'Client') return read().clients.find((one) => one.client_id === id);
    const entry = kept.get(this.key(id));
    return entry && entry.until > Date.now() ? entry.payload : undefined;
  }

  async findByUid(uid) {
    const beginning = `${this.model}:`;
    const found = [...kept].find(([key, entry]) => key.startsWith(beginning) && entry.payload.uid === uid);
    return found && found[1].until > Date.now() ? found[1].payload : undefined;
  }

  async findByUserCode() {
    return undefined;
  }

  async consume(id) {
    const entry = kept.get(this.key(id));
    if (entry) entry.payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    kept.delete(this.key(id));
  }

  async revokeByGrantId(grant) {
    for (const key of members.get(grant) ?? []) kept.delete(key);
    members.delete(grant);
  }
}

setInterval(() => {
  for (const [key, entry] of kept) if (entry.until < Date.now()) kept.delete(key);
}, 60_000).unref();

// --- who logs in -----------------------------------------------------------------------------------------------------

const same = (one, other) => {
  const [a, b] = [one, other].map((text) => createHash('sha256').update(String(text)).digest());
  return timingSafeEqual(a, b);
};

const account = (user) => ({
  accountId: user.sub,
  claims: async () => ({
    sub: user.sub,
    email: user.email,
    given_name: user.given_name,
    usual_name: user.usual_name,
    family_name: user.usual_name,
  }),
});

async function findAccount(_context, sub) {
  const user = settings.users.find((one) => one.sub === sub);
  return user && account(user);
}

// The lab asks nobody for consent: its one client is the stack under test.
async function loadExistingGrant(context) {
  const { client, session, provider, params } = context.oidc;
  const known = session.grantIdFor(client.clientId);
  const grant = (known && (await provider.Grant.find(known))) ||
    new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(params.scope);
  await grant.save();
  return grant;
}

const page = (title, body) => `<!DOCTYPE html>
<html lang="fr"><head><meta charset="utf-8"><title>${title}</title></head>
<body><h1>${title}</h1>${body}</body></html>`;

const provider = new Provider(settings.issuer, {
  adapter: Memory,
  findAccount,
  loadExistingGrant,
  jwks: { keys: [{ ...createPrivateKey(settings.key).export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }] },
  clients: [],
  scopes: ['openid'],
  claims: {
    openid: ['sub'],
    email: ['email'],
    given_name: ['given_name'],
    usual_name: ['usual_name'],
    profile: ['given_name', 'usual_name', 'family_name'],
  },
  responseTypes: ['code'],
  pkce: { required: () => true },
  cookies: { keys: settings.cookie_keys },
  interactions: { url: (_context, interaction) => `/login/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: async (context, form) => {
        const button = '<button type="submit" form="op.logoutForm" name="logout" value="yes">Se déconnecter</button>';
        context.body = page('Déconnexion', form + button);
      },
      postLogoutSuccessSource: async (context) => {
        context.body = page('Déconnexion', '<p>Vous êtes déconnecté.</p>');
      },
    },
  },
  renderError: async (context, out) => {
    context.type = 'json';
    context.body = out;
  },
  ttl: {
    AccessToken: HOUR, AuthorizationCode: 60, IdToken: HOUR, Interaction: HOUR, Session: 12 * HOUR, Grant: 12 * HOUR,
    RefreshToken: 12 * HOUR,
  },
});
provider.proxy = true; // TLS is in front
provider.on('server_error', (_context, error) => console.error(error));

// --- the form --------------------------------------------------------------------------------------------------------

const form = (uid, wrong) => page(
  'Connexion (laboratoire)',
  `<form method="post" action="/login/${uid}">
${wrong ? '<p role="alert">Identifiant ou mot de passe incorrect.</p>' : ''}
<p><label>Adresse électronique <input name="login" type="email" required></label></p>
<p><label>Mot de passe <input name="password" type="password" required></label></p>
<p><button type="submit">Se connecter</button></p></form>`,
);

const say = (response, status, text) => {
  const head = { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' };
  response.writeHead(status, { ...head, 'Content-Security-Policy': "default-src 'none'" }).end(text);
};

async function body(request) {
  let text = '';
  for await (const piece of request) {
    text += piece;
    if (text.length > LARGEST) throw new Error('a form that is too long');
  }
  return new URLSearchParams(text);
}

async function login(request, response, uid) {
  await provider.interactionDetails(request, response); // refuses who has no such login under way
  if (request.method !== 'POST') return say(response, 200, form(uid, false));
  const given = await body(request);
  const user = settings.users.find((one) => one.email === given.get('login'));
  const good = same(user?.password ?? '', given.get('password') ?? '') && user?.password;
  if (!good) return say(response, 401, form(uid, true));
  return provider.interactionFinished(request, response, { login: { accountId: user.sub } });
}

const answer = provider.callback();
createServer((request, response) => {
  const found = /^\/login\/([\w-]+)$/.exec(request.url);
  if (!found) return answer(request, response);
  return login(request, response, found[1]).catch((error) => say(response, 400, page('Erreur', `<p>${error.name}</p>`)));
}).listen(settings.port, '127.0.0.1');
