"""WebDAV (RFC 4918): Nextcloud, ownCloud, Apache's mod_dav, wsgidav, rclone and what speaks like them."""

from dossier.connectors.webdav.connector import WebDavConnector

__all__ = ["WebDavConnector"]
