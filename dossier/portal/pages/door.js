"use strict";
// The pages behind links: set-up, invitation, new password. The secret stands after the #, so no server or proxy sees it.
const EMAIL = { name: "email", label: "E-mail", type: "email", autocomplete: "username" };
const NAME = { name: "name", label: "Your name", type: "text", autocomplete: "name" };
const PASSWORD = {
  name: "password", label: "Password", type: "password", autocomplete: "new-password", hint: "At least 10 characters.",
};
const DOORS = {
  "/setup": {
    title: "Set up Dossier",
    intro: "Name your workspace and make yourself its first owner.",
    fields: [{ name: "workspace", label: "Workspace", type: "text", autocomplete: "organization" }, NAME, EMAIL, PASSWORD],
    send: "Set up",
    path: "/api/v1/setup",
    done: "Done. Sign in with POST /api/v1/session, or make a token on the command line.",
  },
  "/join": {
    title: "Join a workspace",
    intro: "You were invited. Give your name and a password; if you have an account already, its password is enough.",
    fields: [{ ...NAME, optional: true, hint: "Not needed with an account." }, PASSWORD],
    send: "Join",
    path: "/api/v1/invitations/accept",
    done: "Welcome. You are a member now.",
  },
  "/reset": {
    title: "Choose a new password",
    intro: "Your other sessions will end.",
    fields: [PASSWORD],
    send: "Save password",
    path: "/api/v1/password/reset",
    done: "The new password is in force.",
  },
};
const door = DOORS[location.pathname];
const secret = location.hash.slice(1);
const at = (id) => document.getElementById(id);

function tell(text, bad = false) {
  at("message").textContent = text;
  at("message").classList.toggle("bad", bad);
}

function field(spec) {
  const label = document.createElement("label");
  label.textContent = spec.label;
  const input = document.createElement("input");
  Object.assign(input, { name: spec.name, type: spec.type, required: !spec.optional, autocomplete: spec.autocomplete });
  const hint = document.createElement("small");
  hint.id = `${spec.name}-hint`;
  hint.textContent = spec.hint || "";
  input.setAttribute("aria-describedby", hint.id);
  label.append(input, hint);
  return label;
}

function mark(fields) {
  for (const input of at("form").querySelectorAll("input")) {
    const wrong = fields[input.name];
    input.setAttribute("aria-invalid", wrong ? "true" : "false");
    const hint = at(`${input.name}-hint`);
    hint.classList.toggle("wrong", Boolean(wrong));
    if (wrong) hint.textContent = wrong;
  }
  at("form").querySelector('input[aria-invalid="true"]')?.focus();
}

async function send(event) {
  event.preventDefault();
  const given = [...new FormData(at("form"))].filter(([, value]) => value !== "");
  at("send").disabled = true;
  tell("One moment …");
  try {
    const answer = await fetch(door.path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ link: secret, ...Object.fromEntries(given) }),
    });
    const problem = answer.ok ? null : await answer.json();
    mark(problem?.fields ?? {});
    if (problem) return tell(problem.detail, true);
    at("form").hidden = true;
    history.replaceState(null, "", location.pathname);
    tell(door.done);
    const link = document.createElement("a");
    link.href = "/api/docs";
    link.textContent = "Go on";
    at("message").append(" ", link);
  } catch {
    tell("The server did not answer. What you typed is still here; try again.", true);
  } finally {
    at("send").disabled = false;
  }
}

document.title = `${door.title} – Dossier`;
at("title").textContent = door.title;
if (secret) {
  at("intro").textContent = door.intro;
  at("fields").replaceChildren(...door.fields.map(field));
  at("send").textContent = door.send;
  at("form").hidden = false;
  at("form").addEventListener("submit", send);
  at("form").querySelector("input").focus();
} else {
  tell("The link is not whole: what stands after the # is missing. Open it again as you got it.", true);
}
