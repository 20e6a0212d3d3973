/** The door, where keys are demanded. Nothing is shown before it. */
import { useState } from "react";
import type { Credentials } from "../aws/sign.ts";
import icon from "../icon.svg";
import { messageOf } from "../parts/announce.tsx";
import { Field } from "../parts/page.tsx";

export function SignIn({ onKey }: { onKey(credentials: Credentials): Promise<void> }) {
  const [accessKeyId, setAccessKeyId] = useState("");
  const [secretAccessKey, setSecret] = useState("");
  const [sessionToken, setToken] = useState("");
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  return (
    <main className="alone">
      <form
        className="sign-in"
        aria-label="Sign in"
        onSubmit={async (event) => {
          event.preventDefault();
          setBusy(true);
          setFailure("");
          try {
            const token = sessionToken.trim();
            await onKey({
              accessKeyId: accessKeyId.trim(),
              secretAccessKey: secretAccessKey.trim(),
              ...(token ? { sessionToken: token } : {}),
            });
          } catch (error) {
            setFailure(messageOf(error));
            setBusy(false);
          }
        }}
      >
        <h1>
          <img src={icon} alt="" width="28" height="28" /> Virga
        </h1>
        <p>
          This platform takes signed requests alone. The root’s key lies in the data folder, in the file credentials.
        </p>
        <Field label="Access key id">
          <input
            required
            autoComplete="username"
            spellCheck={false}
            value={accessKeyId}
            onChange={(event) => setAccessKeyId(event.target.value)}
          />
        </Field>
        <Field label="Secret access key">
          <input
            required
            type="password"
            autoComplete="current-password"
            value={secretAccessKey}
            onChange={(event) => setSecret(event.target.value)}
          />
        </Field>
        <Field label="Session token" hint="Only for temporary keys">
          <input
            type="password"
            autoComplete="off"
            value={sessionToken}
            onChange={(event) => setToken(event.target.value)}
          />
        </Field>
        {failure && (
          <p className="failure" role="alert">
            {failure}
          </p>
        )}
        <button type="submit" className="primary" disabled={busy}>
          Sign in
        </button>
        <p className="soft">
          The key stays in this tab, and is forgotten when it closes. It signs requests; it is never sent.
        </p>
      </form>
    </main>
  );
}
