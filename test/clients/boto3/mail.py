"""SES, both APIs: identities, mail of every kind, the mailbox, templates."""
import json
from email.mime.text import MIMEText

from here import client, fetch, refused


def mailbox(recipient):
    messages = json.loads(fetch(f"{client('ses').meta.endpoint_url}/_aws/ses")[2])["messages"]
    return [message for message in messages if recipient in json.dumps(message["Destination"])]


def test_mail_of_the_first_api_reaches_the_mailbox():
    ses = client("ses")
    simple = {"Subject": {"Data": "Grüße"}, "Body": {"Text": {"Data": "Hello ü"}, "Html": {"Data": "<p>Hello"}}}
    to = {"ToAddresses": ["v1@example.org"]}
    refused("MessageRejected", ses.send_email, Source="boto@example.com", Destination=to, Message=simple)
    ses.verify_email_identity(EmailAddress="boto@example.com")
    ses.get_waiter("identity_exists").wait(Identities=["boto@example.com"])
    sent = ses.send_email(Source="Boto <boto@example.com>", Destination=to, Message=simple)["MessageId"]
    raw = MIMEText("Raw text")
    raw["From"], raw["To"], raw["Subject"] = "boto@example.com", "v1@example.org", "Raw"
    ses.send_raw_email(RawMessage={"Data": raw.as_bytes()})
    ses.create_template(Template={"TemplateName": "boto", "SubjectPart": "Hi {{name}}", "TextPart": "Dear {{name}}"})
    ses.send_templated_email(
        Source="boto@example.com", Destination=to, Template="boto", TemplateData=json.dumps({"name": "Ann"})
    )
    kept = mailbox("v1@example.org")
    assert [message["Subject"] for message in kept] == ["Grüße", "Raw", "Hi Ann"], kept
    assert kept[0]["Id"] == sent
    assert "boto@example.com" in list(ses.get_paginator("list_identities").paginate().search("Identities"))
    refused("TemplateDoesNotExist", ses.get_template, TemplateName="none")
    refused("AlreadyExists", ses.create_template, Template={"TemplateName": "boto", "SubjectPart": "x", "TextPart": "y"})
    assert ses.get_send_quota()["SentLast24Hours"] >= 3


def test_mail_of_the_second_api_reaches_the_mailbox():
    ses = client("sesv2")
    ses.create_email_identity(EmailIdentity="boto2@example.com")
    refused("AlreadyExistsException", ses.create_email_identity, EmailIdentity="boto2@example.com")
    assert ses.get_email_identity(EmailIdentity="boto2@example.com")["VerifiedForSendingStatus"] is True
    simple = {"Subject": {"Data": "Second"}, "Body": {"Text": {"Data": "Hello"}}}
    to = {"ToAddresses": ["v2@example.org"], "CcAddresses": ["cc@example.org"]}
    ses.send_email(FromEmailAddress="boto2@example.com", Destination=to, Content={"Simple": simple})
    (kept,) = mailbox("v2@example.org")
    assert kept["Subject"] == "Second"
    listed = [one["IdentityName"] for one in ses.list_email_identities()["EmailIdentities"]]
    assert "boto2@example.com" in listed
    refused("NotFoundException", ses.get_email_identity, EmailIdentity="none@example.com")
    ses.delete_email_identity(EmailIdentity="boto2@example.com")
